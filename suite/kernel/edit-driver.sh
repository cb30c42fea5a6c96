#!/bin/sh
# usage: edit-driver.sh LINUX-SOURCE-FOLDER
# Edits lib/test_hmm.c of Linux 6.1 in place. Each edit says what it is for, and fails if the text is not as expected.
set -eu
driver=$1/lib/test_hmm.c

# edit NAME PATTERN COMMAND: COMMAND is for sed; PATTERN must be found exactly once.
edit() {
	found=$(grep -c -- "$2" "$driver" || true)
	if [ "$found" != 1 ]; then
		echo "$driver: edit \"$1\" expects one line like '$2', and there are $found" >&2
		exit 1
	fi
	sed -i "$3" "$driver"
}

if grep -q HMM_SPEC "$driver"; then
	echo "$driver is edited already"
	exit 0
fi

# H16: a fault on the device's own page stores the struct page of the device, behind which there is no memory. Store
# the page behind it, as the migration does.
edit H16 '^		WARN_ON(!page);$' \
	's|^		WARN_ON(!page);$|		if (page \&\& is_device_private_page(page)) /* HMM_SPEC H16 */\n			page = BACKING_PAGE(page);|'

# H1: an own migration is ignored, the sequence included, so that a reader maps a page that has left. Set the sequence;
# the entries stay as they are, which is what H17 is about.
edit H1 'range->owner == dmirror->mdevice)$' \
	'/range->owner == dmirror->mdevice)$/{n;s|.*|	{ /* HMM_SPEC H1 */\n		mutex_lock(\&dmirror->mutex);\n		mmu_interval_set_seq(mni, cur_seq);\n		mutex_unlock(\&dmirror->mutex);\n		return true;\n	}|}'
