# SPDX-License-Identifier: BSD-3-Clause
# Two Linux secondaries at once (pair.dts), of which one has more vCPUs than
# there are CPUs.

# ask VM COMMAND: has the VM's shell do it, by a request; its output.
ask()
{
	echo "$2" >/dev/holdfast/$1 && limit 120 cat /dev/holdfast/$1
}

check "they boot" limit 240 sh -c '
	for vm in linux other; do
		echo true >/dev/holdfast/$vm; cat /dev/holdfast/$vm
	done >/dev/null'
equal "linux has two CPUs" "$(ask linux nproc)" 2
equal "other has four" "$(ask other nproc)" 4

# At once, and each its own.
work='for i in 1 2 3; do for c in $(seq $(nproc)); do
	(dd if=/bin/busybox bs=64k 2>/dev/null | md5sum) & done; wait
	done | sort -u | wc -l; hostname'
ask linux "$work" >/tmp/linux &
ask other "$work" >/tmp/other
wait $!
equal "linux works" "$(tr '\n' ' ' </tmp/linux)" "1 linux "
equal "and other meanwhile" "$(tr '\n' ' ' </tmp/other)" "1 other "
for vm in linux other; do
	equal "no error in the log of $vm" \
		"$(ask $vm 'dmesg -r | sed -n "s/^<[0-3]>//p"')" ""
done
check "one goes" holdfastctl stop linux
equal "the other stays" "$(ask other hostname)" other
# What nobody read was kept.
check "its console tells how it booted" sh -c \
	'timeout 5 cat /dev/ttyHF1 | grep -q "built-in shell"'
