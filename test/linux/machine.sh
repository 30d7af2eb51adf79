# SPDX-License-Identifier: BSD-3-Clause
# Does Linux have the machine that it would have without us? What the machine
# is made of is said by hf.cpus=N, hf.disk=1 and hf.net=1.

online=$(grep -c ^processor /proc/cpuinfo)
cpus=$(option cpus)
[ "$cpus" ] && equal "CPUs online" "$online" "$cpus"
equal "CPUs started at EL1" "$(dmesg | grep -c 'CPU: All CPU(s) started at EL1')" 1

# Work on every CPU, pinned.
i=0
while [ $i -lt "$online" ]; do
	[ "$(taskset -c $i sh -c 'echo $((6 * 7))')" = 42 ] || fail "CPU $i"
	i=$((i + 1))
done
pass "every CPU works"

# A CPU goes off and comes back through PSCI.
last=/sys/devices/system/cpu/cpu$((online - 1))/online
if [ "$online" -gt 1 ] && [ -w "$last" ]; then
	for round in 1 2 3; do
		echo 0 >"$last" && echo 1 >"$last" || fail "hotplug $round"
	done
	equal "a CPU goes off and on" "$(cat "$last")" 1
else
	skip "a CPU goes off and on: one CPU"
fi

check "RTC is there" test -e /sys/class/rtc/rtc0
check "the date is sane" test "$(date +%Y)" -ge 2023
check "PCIe is there" test -e /sys/bus/pci/devices/0000:00:00.0

before=$(date +%s)
sleep 2
slept=$(($(date +%s) - before))
check "sleep 2 takes about two seconds" test $slept -ge 2 -a $slept -le 6

# PCI devices have their MSIs sent to the ITS, where there is one.
its=$(ls -d /proc/device-tree/intc@*/its@* 2>/dev/null)
if [ "$its" ] && [ "$(option disk)" ]; then
	check "MSIs come by way of the ITS" \
		grep -q 'ITS-MSI .*virtio' /proc/interrupts
fi

if [ "$(option disk)" ]; then
	# Written, dropped from the cache, read again.
	dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null
	dd if=/tmp/data of=/dev/vda bs=64k seek=3 2>/dev/null
	sync
	echo 3 >/proc/sys/vm/drop_caches
	dd if=/dev/vda of=/tmp/back bs=64k skip=3 count=16 2>/dev/null
	check "the disk keeps what is written" cmp /tmp/data /tmp/back
	rm -f /tmp/data /tmp/back
fi

if [ "$(option net)" ]; then
	# The network is QEMU's own, inside its process.
	ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
	check "the network answers" ping -q -c 3 -W 5 10.0.2.2
	udhcpc -i eth0 -n -q -t 5 -T 2 -s /bin/true >/tmp/dhcp 2>&1
	check "DHCP answers" grep -q 'lease of 10.0.2.15 obtained' /tmp/dhcp
fi

# Interrupts arrive, on every CPU.
for cpu in $(seq 2 $((online + 1))); do
	ticks=$(awk -v c="$cpu" '/arch_timer/ { n += $c } END { print n }' \
		/proc/interrupts)
	[ "$ticks" -gt 0 ] || fail "no timer interrupt on CPU $((cpu - 2))"
done
pass "timer interrupts on every CPU"
