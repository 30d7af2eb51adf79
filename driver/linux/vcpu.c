// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads that run the vCPUs of secondary VMs.
 *
 * A thread calls HF_VCPU_RUN again and again. The call comes back at the latest
 * with the next interrupt of this CPU, so to Linux a secondary VM that spins is
 * a thread that spins in the kernel and offers to reschedule at each tick.
 */

#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include <asm/daifflags.h>

#include "holdfast.h"

/* Makes what lies in @vcpu->message the VM's message. vm->lock is held. */
static void hf_vcpu_publish(struct hf_vcpu *vcpu)
{
	struct hf_vm *vm = vcpu->vm;

	swap(vm->message, vcpu->message);
	WRITE_ONCE(vm->unread, true);
	WRITE_ONCE(vm->waiting, false);
	wake_up_all(&vm->wait);
}

/* Delivers what the vCPU sent, or holds it and the vCPU back. */
static void hf_vcpu_deliver(struct hf_vcpu *vcpu)
{
	struct hf_vm *vm = vcpu->vm;

	mutex_lock(&vm->lock);
	if (vm->unread)
		WRITE_ONCE(vcpu->held, true);
	else
		hf_vcpu_publish(vcpu);
	mutex_unlock(&vm->lock);
}

void hf_vm_next_message(struct hf_vm *vm)
{
	u32 i;

	WRITE_ONCE(vm->unread, false);
	for (i = 0; i < vm->vcpu_count; i++) {
		struct hf_vcpu *vcpu = &vm->vcpus[i];

		if (!vcpu->held)
			continue;
		hf_vcpu_publish(vcpu);
		WRITE_ONCE(vcpu->held, false);
		hf_vcpu_wake(vcpu);
		break;
	}
	wake_up_all(&vm->wait);
}

void hf_vm_discard(struct hf_vm *vm)
{
	while (vm->unread)
		hf_vm_next_message(vm);
}

void hf_vm_wake(struct hf_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->vcpu_count; i++)
		hf_vcpu_wake(&vm->vcpus[i]);
}

/* Calls HF_VCPU_RUN, and counts. */
static u64 hf_vcpu_run(struct hf_vcpu *vcpu)
{
	u64 begin = local_clock();
	u64 result = hf_call(HF_VCPU_RUN, vcpu->vm->index, vcpu->index);
	u64 code = result & HF_VCPU_CODE_MASK;

	WRITE_ONCE(vcpu->run_ns, vcpu->run_ns + local_clock() - begin);
	if (code < HF_VCPU_CODES)
		WRITE_ONCE(vcpu->exits[code], vcpu->exits[code] + 1);
	return result;
}

/*
 * Runs the vCPU once and takes its reply, if it made one.
 *
 * Interrupts are masked so that a kick sent after @pausing or @wake was set is
 * never lost: it comes before the test of @pausing, or it is pending when the
 * vCPU is entered and ends the run at once. They are masked in PSTATE; masked
 * by priority (pseudo-NMI) they could not interrupt the vCPU either. It also
 * keeps the time short for which a reply fills the receive page.
 *
 * The gate is held. A VM that has ended is not run, so who ends one and then
 * closes and opens the gate knows that no result of its life is to come.
 */
static u64 hf_vcpu_enter(struct hf_vcpu *vcpu)
{
	struct hf_vm *vm = vcpu->vm;
	u64 result = HF_VCPU_YIELD;
	unsigned long flags;

	flags = local_daif_save();
	if (!atomic_read(&vm->pausing) && !READ_ONCE(vm->ended)) {
		result = hf_vcpu_run(vcpu);
		if ((result & HF_VCPU_CODE_MASK) == HF_VCPU_RESPONSE_READY)
			hf_mailbox_take(&vcpu->message,
					result >> HF_VCPU_CODE_BITS);
	}
	local_daif_restore(flags);
	return result;
}

static void hf_vcpu_wake_other(u64 payload)
{
	struct hf_vm *vm = hf_vm_get((u32)payload >> HF_WAKE_UP_VM_SHIFT);
	u32 index = payload & HF_WAKE_UP_VCPU_MASK;

	if (vm && index < vm->vcpu_count)
		hf_vcpu_wake(&vm->vcpus[index]);
}

/* How long a vCPU that waits may sleep, given the time until its timer. */
static ktime_t hf_timeout(u64 ns)
{
	return ns ? ns_to_ktime(min_t(u64, ns, KTIME_MAX - 1)) : KTIME_MAX;
}

/*
 * Runs the vCPU once. Returns how long to sleep: 0 is not at all.
 *
 * What the result says of the VM's life and messages is dealt with before the
 * gate is left: who closes it then knows that nothing is on its way.
 */
static ktime_t hf_vcpu_step(struct hf_vcpu *vcpu)
{
	struct hf_vm *vm = vcpu->vm;
	u64 result, payload;
	ktime_t timeout;

	down_read(&vm->gate);
	result = hf_vcpu_enter(vcpu);
	payload = result >> HF_VCPU_CODE_BITS;
	result &= HF_VCPU_CODE_MASK;
	if (result == HF_VCPU_RESPONSE_READY)
		hf_vcpu_deliver(vcpu);
	else if (result == HF_VCPU_ABORTED)
		hf_vm_end(vm, payload);
	up_read(&vm->gate);

	switch (result) {
	case HF_VCPU_WAIT_FOR_INTERRUPT:
		return hf_timeout(payload);
	case HF_VCPU_MESSAGE_WANTED:
		WRITE_ONCE(vm->wanted, vm->wanted + 1);
		wake_up_all(&vm->wait);
		return KTIME_MAX;
	case HF_VCPU_WAKE_UP:
		hf_vcpu_wake_other(payload);
		break;
	case HF_VCPU_ABORTED:
	case HF_VCPU_CONSOLE:
		/* Output that nobody takes would end the next run at once. */
		timeout = hf_console_service(vm);
		return READ_ONCE(vm->console.full) ? timeout : 0;
	}
	return 0;
}

static bool hf_vcpu_may_run(struct hf_vcpu *vcpu)
{
	return !READ_ONCE(vcpu->held) && !READ_ONCE(vcpu->vm->ended);
}

static void hf_vcpu_sleep(struct hf_vcpu *vcpu, ktime_t timeout)
{
	wait_event_interruptible_hrtimeout(vcpu->wait,
					   READ_ONCE(vcpu->wake) ||
						   kthread_should_stop() ||
						   freezing(current),
					   timeout);
}

static int hf_vcpu_thread(void *data)
{
	struct hf_vcpu *vcpu = data;
	struct hf_vm *vm = vcpu->vm;

	set_freezable();
	allow_signal(SIGKILL);
	while (!kthread_freezable_should_stop(NULL)) {
		ktime_t timeout = KTIME_MAX;

		if (signal_pending(current)) {
			flush_signals(current);
			hf_vm_end(vm, HF_ENDED_KILLED);
		}
		/* What sets it from here on is seen by the run or the sleep. */
		smp_store_mb(vcpu->wake, false);
		if (hf_vcpu_may_run(vcpu))
			timeout = hf_vcpu_step(vcpu);
		if (READ_ONCE(vm->console.left))
			timeout = min(timeout, hf_console_service(vm));
		if (timeout)
			hf_vcpu_sleep(vcpu, timeout);
		cond_resched_tasks_rcu_qs();
	}
	return 0;
}

void hf_vcpu_wake(struct hf_vcpu *vcpu)
{
	/* Before the kick: see hf_vcpu_enter() and hf_vcpu_thread(). */
	smp_store_mb(vcpu->wake, true);
	wake_up(&vcpu->wait);
	kick_process(vcpu->task);
}

void hf_vm_pause(struct hf_vm *vm)
{
	u32 i;

	atomic_inc(&vm->pausing);
	/* Before the kicks: see hf_vcpu_enter(). */
	smp_mb__after_atomic();
	for (i = 0; i < vm->vcpu_count; i++)
		kick_process(vm->vcpus[i].task);
	down_write(&vm->gate);
	atomic_dec(&vm->pausing);
}

void hf_vm_resume(struct hf_vm *vm)
{
	up_write(&vm->gate);
}

int hf_vcpu_init(struct hf_vcpu *vcpu, struct hf_vm *vm, u32 index)
{
	struct task_struct *task;

	vcpu->vm = vm;
	vcpu->index = index;
	init_waitqueue_head(&vcpu->wait);
	vcpu->message.data = (void *)__get_free_page(GFP_KERNEL);
	if (!vcpu->message.data)
		return -ENOMEM;

	task = kthread_create(hf_vcpu_thread, vcpu, "hf-%s/%u",
			      dev_name(&vm->dev), index);
	if (IS_ERR(task))
		return PTR_ERR(task);
	vcpu->task = get_task_struct(task);
	return 0;
}

void hf_vcpu_start(struct hf_vcpu *vcpu)
{
	wake_up_process(vcpu->task);
}

void hf_vcpu_stop(struct hf_vcpu *vcpu)
{
	if (vcpu->task)
		kthread_stop(vcpu->task);
}

void hf_vcpu_free(struct hf_vcpu *vcpu)
{
	if (vcpu->task)
		put_task_struct(vcpu->task);
	free_page((unsigned long)vcpu->message.data);
}
