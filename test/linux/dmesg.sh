# SPDX-License-Identifier: BSD-3-Clause
# No error and no warning in the kernel's log but those that the same kernel
# shows without a hypervisor and those of an unsigned module (dmesg.known), and
# those that a test before this one says it provokes ($expected_warning).

dmesg -r >/tmp/dmesg
{
	grep -v '^#' /test/dmesg.known
	echo "${expected_warning-no other}"
} >/tmp/known
# <0>..<4>: emergency to warning. The facility is in the bits above.
sed -n 's/^<[01234]>\[ *[0-9.]*\] *//p' /tmp/dmesg |
	grep -v -x -E -f /tmp/known >/tmp/unexpected
while read -r line; do
	fail "$line"
done </tmp/unexpected
[ -s /tmp/unexpected ] || pass "no unexpected warning"

if grep -E 'soft lockup|hard LOCKUP|rcu.*(stall|self-detected)|blocked for more than|Call trace' /tmp/dmesg; then
	fail "a lockup or a trace"
else
	pass "no lockup, no stall, no trace"
fi
