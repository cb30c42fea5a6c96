#!/bin/sh
# usage: build.sh SOURCE BUILD-FOLDER
# Builds a small kernel with CONFIG_TEST_HMM. SOURCE is a tar file of Debian's linux-source package, such as
# /usr/src/linux-source-6.1.tar.xz. JOBS says how many processes to use (default 2). With HOLD=yes threads can be held at functions,
# for hmm_schedule. With EDIT=no the driver is left as it is: it may crash the kernel.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(realpath "$1")
mkdir -p "$2"
build=$(cd "$2" && pwd)
tree=$build/linux
if [ ! -d "$tree" ]; then
	mkdir "$tree"
	tar -xf "$source" -C "$tree" --strip-components=1
fi
if [ "${EDIT:-yes}" = yes ]; then
	"$here/edit-driver.sh" "$tree"
fi
if [ "${HOLD:-no}" = yes ]; then
	"$here/hold-points.sh" "$tree"
fi
cd "$tree"
make -s tinyconfig
scripts/config -d CC_OPTIMIZE_FOR_SIZE -e CC_OPTIMIZE_FOR_PERFORMANCE -d EMBEDDED -d SLOB -e SLUB
for option in \
	64BIT SMP MULTIUSER FUTEX POSIX_TIMERS HIGH_RES_TIMERS NO_HZ_IDLE BUG KALLSYMS PANIC_ON_OOPS PRINTK \
	BINFMT_ELF BLK_DEV_INITRD RD_GZIP TTY SERIAL_8250 SERIAL_8250_CONSOLE PCI ACPI VIRTIO_MENU VIRTIO_PCI VIRTIO_CONSOLE \
	PROC_FS SYSFS DEVTMPFS SHMEM TMPFS MEMFD_CREATE PROC_PAGE_MONITOR BLOCK SWAP ADVISE_SYSCALLS \
	USERFAULTFD KSM BLK_DEV BLK_DEV_RAM \
	TRANSPARENT_HUGEPAGE TRANSPARENT_HUGEPAGE_MADVISE MIGRATION COMPACTION SPARSEMEM_MANUAL SPARSEMEM_VMEMMAP \
	MEMORY_HOTPLUG MEMORY_HOTREMOVE ZONE_DEVICE DEVICE_PRIVATE RUNTIME_TESTING_MENU TEST_HMM
do
	scripts/config -e "$option"
done
make -s olddefconfig
for option in SMP TEST_HMM DEVICE_PRIVATE TRANSPARENT_HUGEPAGE VIRTIO_CONSOLE DEVTMPFS PROC_PAGE_MONITOR SWAP USERFAULTFD KSM BLK_DEV_RAM; do
	grep -q "^CONFIG_$option=y" .config || {
		echo "CONFIG_$option could not be set; look at $tree/.config" >&2
		exit 1
	}
done
make -s -j"${JOBS:-2}" bzImage
cp arch/x86/boot/bzImage "$build/bzImage"
echo "$build/bzImage"
