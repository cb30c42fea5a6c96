#!/bin/sh
# usage: boot.sh BUILD-FOLDER PROGRAM [ARGUMENT...]
# Boots the kernel of the folder in QEMU, without acceleration, and runs hmm_peer, hmm_litmus, hmm_schedule or a reproducer
# (reproducers/NAME.c) in it: its standard input and output are those of this script. The kernel's messages go to BUILD-FOLDER/console.log.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
root=$build/initramfs
rm -rf "$root"
mkdir -p "$root/dev"
for program in hmm_peer hmm_litmus hmm_schedule; do
	cc -static -O2 -Wall -Wextra -pthread -o "$root/$program" "$here/$program.c" "$here/dmirror.c" "$here/answer.c" "$here/child.c" "$here/entries.c"
done
if [ -f "$here/reproducers/$1.c" ]; then
	cc -static -O2 -Wall -Wextra -pthread -o "$root/$1" "$here/reproducers/$1.c"
fi
cc -static -O2 -Wall -Wextra -o "$root/init" "$here/init.c"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$build/initramfs.gz"
# At the end of its input the emulator would close the port, and the program could write no more: this input does not end.
rm -f "$build/input"
mkfifo "$build/input"
exec 3<&0 4<>"$build/input"
cat <&3 >&4 &
exec qemu-system-x86_64 -accel tcg,thread=multi -smp "${CPUS:-2}" -m 2G -no-reboot -display none -monitor none \
	-kernel "$build/bzImage" -initrd "$build/initramfs.gz" \
	-append "console=ttyS0 no_timer_check panic=-1 loglevel=${LOGLEVEL:-5} -- $*" \
	-serial "file:$build/console.log" \
	-chardev stdio,id=port,signal=off -device virtio-serial-pci -device virtserialport,chardev=port,name=hmm <&4
