# SPDX-License-Identifier: BSD-3-Clause
# What comes late, fails, or comes at once with something else, with the VMs of
# driver.dts. provoke.c helps.

puppet=/dev/holdfast/puppet
# For dmesg.sh.
expected_warning="${expected_warning-none}|holdfast: probe of .* failed with error -12"

# A thread passes the gate when a restart has stopped its VM, and what it is told
# there, that this is so, is late: the VM lives again.
insmod /test/provoke.ko symbol=down_read,kobject_uevent_env,hf_vm_end \
	comm=hf-puppet,holdfastctl,hf-puppet delay=100,1000,2500 nth=0,2,0 ||
	fail "provoke: late results"
echo spin >$puppet
sleep 0.5
# Not on one CPU: they would wait for each other.
taskset -p 2 "$(threads hf-puppet/0)" >/dev/null
taskset 1 holdfastctl restart puppet
sleep 3
equal "a late result does not end the next life" \
	"$(vm puppet state), $(vm puppet reason)" "running, none"
taskset -p f "$(threads hf-puppet/0)" >/dev/null
rmmod provoke

# Several users at once; then, without those who would make files in /dev.
rm -f /tmp/over
again()
{
	until [ -e /tmp/over ]; do
		"$@" 2>/dev/null
	done
}
request()
{
	echo x >$puppet && limit 1 cat $puppet >/dev/null
}
fight()
{
	again holdfastctl stop puppet &
	again holdfastctl start puppet &
	again holdfastctl restart puppet &
	again holdfastctl restart pair &
}
fight
again request &
sleep 4
touch /tmp/over
wait
check "after a fight over a VM it can be restarted" holdfastctl restart puppet
echo peace >$puppet
equal "and answers" "$(limit 20 cat $puppet)" peace
rm /tmp/over
fight
for i in 1 2 3 4; do
	check "the module is loaded again meanwhile ($i)" reload
	sleep 0.3
done
touch /tmp/over
wait
check "after a fight over the module, too" holdfastctl restart puppet
echo peace >$puppet
equal "and answers" "$(limit 20 cat $puppet)" peace

# The second tty cannot be made while somebody has the first one open, and a
# device. They may go on to use what they have.
rmmod holdfast
insmod /test/provoke.ko symbol=tty_port_register_device nth=2 delay=2000 \
	error=-12 || fail "provoke: a probe that fails"
hold()
{
	until [ -c /dev/ttyHF0 ] && [ -c $puppet ]; do :; done
	exec 4<>/dev/ttyHF0 5<>$puppet
	echo opened
	until [ -e /tmp/failed ]; do sleep 0.1; done
	echo text 2>/dev/null >&4 || echo "hung up"
	echo x >&5
	exec 4>&- 5>&-
}
hold >/tmp/held &
modprobe holdfast
touch /tmp/failed
equal "a probe that fails leaves no device" \
	"$(ls -d /sys/class/holdfast/* /dev/ttyHF* 2>/dev/null | wc -l)" 0
wait $!
equal "nor breaks what is open" "$(tr '\n' ' ' </tmp/held)" "opened hung up "
rmmod provoke
rmmod holdfast
check "the next one succeeds" modprobe holdfast
echo again >$puppet
equal "and all is there" "$(limit 20 cat $puppet)" again
