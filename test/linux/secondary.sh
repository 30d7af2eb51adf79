# SPDX-License-Identifier: BSD-3-Clause
# Debian's Linux in the secondary VM "linux" (linux.dts): its console, its time,
# work on both of its CPUs, requests, its life, and what it costs the primary.

vm=linux
tty=/dev/ttyHF$(vm $vm index)
# What it prints of itself, collected from here on.
cat "$tty" >/tmp/console &
reader=$!

# saw COUNT TEXT SECONDS: waits until TEXT was so often on the console.
saw()
{
	for _ in $(seq 1 $(($3 * 5))); do
		[ "$(grep -c "$2" /tmp/console)" -ge "$1" ] && return
		sleep 0.2
	done
	return 1
}

# ask COMMAND: has the VM's shell do it, by a request; its output.
ask()
{
	echo "$1" >/dev/holdfast/$vm && limit 60 cat /dev/holdfast/$vm
}

# becomes STATE REASON: waits until the VM is in that state.
becomes()
{
	for _ in $(seq 1 300); do
		[ "$(vm $vm state), $(vm $vm reason)" = "$1, $2" ] && return
		sleep 0.2
	done
	say "it is $(vm $vm state), $(vm $vm reason)"
	return 1
}

check "it boots to its shell" saw 1 'built-in shell' 120
echo 'echo six times seven is $((6 * 7))' >"$tty"
check "its shell answers on its console" saw 1 'six times seven is 42' 20

equal "a request is answered: nproc" "$(ask nproc)" 2
equal "its name" "$(ask hostname)" $vm
equal "its kernel is ours" "$(ask 'uname -r')" "$(uname -r)"
equal "its clock is the board's" \
	"$((($(ask 'date +%s') - $(date +%s)) / 10))" 0
equal "its memory is its own" "$(ask 'grep -c "System RAM" /proc/iomem')" 1

before=$(date +%s)
slept=$(ask 'a=$(cut -d" " -f1 /proc/uptime); sleep 3
	b=$(cut -d" " -f1 /proc/uptime); echo $((${b%.*} - ${a%.*}))')
took=$(($(date +%s) - before))
check "sleep 3 takes three seconds by its clock ($slept)" \
	test "$slept" -ge 2 -a "$slept" -le 5
check "and by the primary's ($took)" test $took -ge 2 -a $took -le 8

# Work on each CPU: the same bytes must give the same sum, again and again.
work='for i in 1 2 3 4 5 6; do for c in 0 1; do
	(dd if=/bin/busybox bs=64k 2>/dev/null | taskset -c $c md5sum) &
	done; wait; done | sort -u | wc -l'
idle=$(latency 1)
ask "$work" >/tmp/sums &
busy=$!
plain=$(latency 2)
wait $busy
equal "work on both CPUs gives one result" "$(cat /tmp/sums)" 1

# Figures for the line of the test. The host is in them: see latency.sh.
say "figure: the primary's wake-ups are late by us (average, 99 %, worst):" \
	"$idle while the VM idles, $plain while it works"

ask 'for c in 2 3; do awk -v c=$c "
	/arch_timer/ { t += \$c } /IPI0/ { i += \$c }
	END { print (t > 0), (i > 0) }" /proc/interrupts; done' >/tmp/interrupts
equal "timer interrupts and IPIs on both of its CPUs" \
	"$(tr '\n' ' ' </tmp/interrupts)" "1 1 1 1 "
equal "a CPU goes off and on" "$(ask 'cd /sys/devices/system/cpu/cpu1
	echo 0 >online; echo 1 >online; cat online; nproc' | tr '\n' ' ')" "1 2 "

rounds=0
while [ $rounds -lt 30 ]; do
	[ "$(ask "echo $rounds")" = $rounds ] || break
	rounds=$((rounds + 1))
done
equal "thirty requests, thirty replies" $rounds 30
equal "no kernel message of level error or worse" \
	"$(ask 'dmesg -r | sed -n "s/^<[0-3]>//p"')" ""

# A reply that the primary has no room for: its mailbox is never full for long,
# so that is made up. (The text of a command must not look like its result.)
echo 'insmod /test/provoke.ko symbol=hf_mailbox_reply error=-1
	echo x >/dev/holdfast/primary & stuck=$!
	/test/drive poll /dev/holdfast/primary & poll=$!
	sleep 1; kill -9 $poll; sleep 1; kill -0 $poll; echo poll ended: $?
	kill -9 $stuck; wait; rmmod provoke; echo reply ended: $?' >"$tty"
check "a poll in it can be killed while a reply waits" \
	saw 1 "poll ended: 1" 20
check "and so can the reply" saw 1 "reply ended: 0" 20
equal "a request is answered after it" "$(ask nproc)" 2

holdfastctl list >/tmp/list
check "holdfastctl list" grep -q "^0 *$vm *running *2 *ttyHF0" /tmp/list
check "holdfastctl top" sh -c "holdfastctl top 1 | grep -q '^$vm  *1 '"
check "holdfastctl log" sh -c 'holdfastctl log | grep -q ^holdfast:'
check "start of one that runs is refused" \
	sh -c "! holdfastctl start $vm 2>/dev/null"

# Its life.
echo poweroff | limit 60 holdfastctl console $vm >/tmp/last
check "it powers off" becomes stopped "system off"
check "which ends holdfastctl console" grep -q "^.$vm: system off" /tmp/last
check "a request to it is refused then" sh -c "! echo x 2>/dev/null >/dev/holdfast/$vm"
check "holdfastctl start" holdfastctl start $vm
check "it boots again" saw 2 'built-in shell' 120
equal "and answers" "$(ask nproc)" 2
echo reboot >"$tty"
check "it is started again when it reboots" saw 3 'built-in shell' 120
equal "and answers" "$(ask nproc)" 2
check "holdfastctl stop" holdfastctl stop $vm
check "it is stopped" becomes stopped "stopped by the primary"
check "holdfastctl restart" holdfastctl restart $vm
check "it runs" becomes running none
echo hello >/dev/holdfast/echo
equal "others do not notice" "$(limit 20 cat /dev/holdfast/echo)" hello
kill $reader
