# SPDX-License-Identifier: BSD-3-Clause
# The driver as users see it, with the VMs of driver.dts.

puppet=/dev/holdfast/puppet
# For dmesg.sh.
expected_warning='holdfast (puppet|victim): stopped: (memory access|vCPU thread killed)'

# The module came by itself, with a device for each VM that is there.
check "the driver loaded by itself" grep -q '^holdfast ' /proc/modules
check "echo has a device" test -c /dev/holdfast/echo
check "puppet has a device" test -c $puppet
check "a VM that was left out has none" test ! -e /dev/holdfast/missing
check "a name that a device cannot have is replaced" test \
	"$(vm vm5 name), $(vm vm6 name)" = "vm6, log"
equal "the log has one, and nothing else" "$(ls /dev/holdfast | wc -l)" 7

equal "sysfs: name" "$(vm puppet name)" puppet
equal "sysfs: vcpus" "$(vm puppet vcpus)" 1
equal "sysfs: two vcpus" "$(vm pair vcpus)" 2
equal "sysfs: state" "$(vm puppet state)" running
equal "sysfs: reason" "$(vm puppet reason)" none
equal "sysfs: no request yet" "$(vm puppet requests)" 0
echo hello >$puppet
equal "sysfs: a request" "$(vm puppet requests)" 1
equal "the answer" "$(limit 20 cat $puppet)" hello
equal "no second answer" "$(limit 20 cat $puppet)" ""

# Two VMs at once.
for i in $(seq 1 50); do
	echo "e$i" >/dev/holdfast/echo
	echo "p$i" >$puppet
	[ "$(limit 20 cat /dev/holdfast/echo)" = "e$i" ] || fail "echo $i"
	[ "$(limit 20 cat $puppet)" = "p$i" ] || fail "puppet $i"
done
pass "two VMs at once"

limit 300 /test/drive >/tmp/found || fail "drive ended early: $?"
report /tmp/found

# Unload and load again, the VMs going on where they were.
exec 3<>$puppet
check "no unloading while a device is open" \
	sh -c '! rmmod holdfast 2>/dev/null'
exec 3<>/dev/ttyHF0
check "nor while a tty is" sh -c '! rmmod holdfast 2>/dev/null'
exec 3>&-
for i in 1 2 3 4 5; do
	check "unload and load ($i)" reload
	echo "again $i" >$puppet
	equal "the answer after it ($i)" "$(limit 20 cat $puppet)" "again $i"
done
echo later >$puppet
check "unload and load with a request under way" reload
echo after >$puppet
equal "the answer after it" "$(limit 20 cat $puppet)" after
equal "no thread is left behind" "$(threads hf-puppet/0 | wc -w)" 1

# A VM that spins: one CPU's worth of work, nothing else.
limit 60 /test/drive spin >/tmp/found || fail "drive spin: $?"
report /tmp/found
echo hello >/dev/holdfast/echo
equal "others answer meanwhile" "$(limit 20 cat /dev/holdfast/echo)" hello
# Longer than the 20 s and 21 s after which Linux would complain.
sleep "$(option spin | grep . || echo 30)"
# Freezing the vCPUs' threads, the first step of a suspend; then thawing them.
if [ -w /sys/power/pm_test ]; then
	echo freezer >/sys/power/pm_test
	check "all can be frozen" sh -c 'echo freeze >/sys/power/state'
	echo none >/sys/power/pm_test
	echo hello >/dev/holdfast/echo
	equal "and thawed" "$(limit 20 cat /dev/holdfast/echo)" hello
else
	skip "all can be frozen: this kernel cannot test it"
fi
check "unload with a spinning VM" rmmod holdfast
check "and load" modprobe holdfast
equal "it is still there" "$(vm puppet state)" running

# Kill the thread of the spinning VM: it stops for good, the rest goes on.
kill -9 "$(threads hf-puppet/0)"
sleep 1
equal "a VM's thread can be killed" "$(vm puppet state)" killed
limit 20 sh -c "echo x >$puppet" 2>/dev/null && fail "a request to a killed VM"
check "load again after it" reload
equal "which lets it run again" "$(vm puppet state)" running

# Another puppet touches what it lacks.
limit 60 /test/drive abort /dev/holdfast/victim >/tmp/found ||
	fail "drive abort: $?"
report /tmp/found
equal "sysfs: state of an aborted VM" "$(vm victim state)" stopped
equal "sysfs: its reason" "$(vm victim reason)" "memory access"
echo hello >/dev/holdfast/echo
equal "the others go on" "$(limit 20 cat /dev/holdfast/echo)" hello
check "load again with an aborted VM" reload
sleep 1
equal "it stays stopped" "$(vm victim state)" stopped
check "holdfastctl shows it, and the VM that was left out" sh -c \
	"holdfastctl list | tr -s ' ' >/tmp/list
	grep -q '^4 victim stopped 1 ttyHF4 memory access$' /tmp/list &&
	grep -q '^3 missing left-out - -' /tmp/list"

# Its life is the primary's to decide on.
sees_uevent()
{
	timeout 20 uevent env >/tmp/uevents &
	sleep 1
	"$@"
	sleep 1
	kill $! 2>/dev/null
	grep -q '^STATE=running' /tmp/uevents
}
check "a stopped VM is started, and udev told" sees_uevent \
	holdfastctl start victim
echo anew >/dev/holdfast/victim
equal "and answers" "$(limit 20 cat /dev/holdfast/victim)" anew
check "a VM is stopped" holdfastctl stop victim
equal "which is its state" "$(vm victim state)" stopped
equal "and its reason" "$(vm victim reason)" "stopped by the primary"
check "twice is no error" holdfastctl stop victim
check "no other word is taken" sh -c \
	'! echo go 2>/dev/null >/sys/class/holdfast/victim/state'
check "start of one that runs is an error" sh -c \
	'! holdfastctl start echo 2>/dev/null'
wrong()
{
	wanted=$1
	shift
	equal "holdfastctl $*" "$(holdfastctl "$@" 2>&1)" "holdfastctl: $wanted"
}
wrong "there is no VM nosuch" stop nosuch
wrong "there is no VM 3" console 3
wrong "top: 1x is no number of rounds" top 1x
check "a wrong command is answered by how to use it" sh -c \
	'holdfastctl go echo 2>&1 | grep -q ^usage:'
for i in 1 2 3; do
	check "restart ($i)" holdfastctl restart puppet
	echo "fresh $i" >$puppet
	equal "and the answer ($i)" "$(limit 20 cat $puppet)" "fresh $i"
done
kill -9 "$(threads hf-puppet/0)"
sleep 1
check "a VM whose thread was killed is started" holdfastctl start puppet
echo alive >$puppet
equal "and answers" "$(limit 20 cat $puppet)" alive
check "load again with a VM that was stopped" reload
sleep 1
equal "it stays so" "$(vm victim reason)" "stopped by the primary"
