#!/bin/sh
# usage: hold-points.sh LINUX-SOURCE-FOLDER
# Puts hold.c into the kernel, and makes the functions of the objects below call it: their entries and returns are where
# hmm_schedule can hold a thread.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$1
cp "$here/hold.c" "$tree/lib/hmm_hold.c"
if grep -q hmm_hold "$tree/lib/Makefile"; then
	echo "$tree has hold points already"
	exit 0
fi
# Inline functions of headers are not functions of the object.
flags='-finstrument-functions -finstrument-functions-exclude-file-list=include/,arch/'
for object in hmm memory migrate_device mmu_notifier rmap; do
	echo "CFLAGS_$object.o += $flags" >>"$tree/mm/Makefile"
done
echo "CFLAGS_test_hmm.o += $flags" >>"$tree/lib/Makefile"
echo "obj-\$(CONFIG_TEST_HMM) += hmm_hold.o" >>"$tree/lib/Makefile"
