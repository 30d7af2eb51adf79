// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a secondary VM: stopping it, starting it afresh.
 *
 * The hypervisor does both in pieces, so that a call never takes long; it is
 * called until it is done. vm->ended is not 0 all the while, so that no vCPU of
 * the VM is run.
 */

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "holdfast.h"

/* A VM that resets again and again is started once in this time. */
#define HF_RESTART_INTERVAL HZ

static bool hf_restart = true;
module_param_named(restart, hf_restart, bool, 0644);
MODULE_PARM_DESC(restart, "start a VM again that resets itself (default: on)");

const char *hf_reason_text(unsigned int ended)
{
	switch (ended) {
	case 0:
		return "none";
	case HF_ABORT_SYSTEM_OFF:
		return "system off";
	case HF_ABORT_SYSTEM_RESET:
		return "system reset";
	case HF_ABORT_MEMORY_ACCESS:
		return "memory access";
	case HF_ABORT_FAULT:
		return "fault";
	case HF_ABORT_STOPPED:
		return "stopped by the primary";
	case HF_ENDED_KILLED:
		return "vCPU thread killed";
	default:
		return "unknown";
	}
}

const char *hf_state_text(struct hf_vm *vm)
{
	unsigned int ended = READ_ONCE(vm->ended);

	if (!ended)
		return "running";
	if (READ_ONCE(vm->starting))
		return "starting";
	return ended == HF_ENDED_KILLED ? "killed" : "stopped";
}

/* Tells udev, and those who poll the file `state`. */
static void hf_life_tell(struct hf_vm *vm)
{
	char state[32], reason[48];
	char *env[] = { state, reason, NULL };

	snprintf(state, sizeof(state), "STATE=%s", hf_state_text(vm));
	snprintf(reason, sizeof(reason), "REASON=%s",
		 hf_reason_text(READ_ONCE(vm->ended)));
	kobject_uevent_env(&vm->dev.kobj, KOBJ_CHANGE, env);
	sysfs_notify(&vm->dev.kobj, NULL, "state");
}

/* A VM's own decision, and ours, are nothing to warn of. */
static void hf_life_log(struct hf_vm *vm, unsigned int ended)
{
	const char *text = hf_reason_text(ended);

	if (ended == HF_ABORT_MEMORY_ACCESS || ended == HF_ABORT_FAULT ||
	    ended == HF_ENDED_KILLED)
		dev_warn(&vm->dev, "stopped: %s\n", text);
	else
		dev_info(&vm->dev, "stopped: %s\n", text);
}

void hf_vm_end(struct hf_vm *vm, unsigned int ended)
{
	bool first;

	mutex_lock(&vm->lock);
	first = !vm->ended;
	if (first)
		WRITE_ONCE(vm->ended, ended);
	mutex_unlock(&vm->lock);
	if (!first)
		return;

	hf_life_log(vm, ended);
	hf_vm_wake(vm);
	wake_up_all(&vm->wait);
	hf_life_tell(vm);
	if (ended == HF_ABORT_SYSTEM_RESET && READ_ONCE(hf_restart))
		schedule_delayed_work(
			&vm->restart,
			time_before(jiffies, vm->started + HF_RESTART_INTERVAL)
				? HF_RESTART_INTERVAL
				: 0);
}

/* Calls HF_VM_STOP or HF_VM_START until it is done. */
static int hf_life_call(struct hf_vm *vm, u32 fn)
{
	s64 ret;

	while ((ret = hf_call(fn, vm->index, 0)) == HF_AGAIN) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return ret == HF_DONE ? 0 : -EIO;
}

/* Whether the hypervisor has the VM running. */
static bool hf_life_runs(struct hf_vm *vm)
{
	return (hf_call(HF_VM_GET_STATE, vm->index, 0) & 0xff) == HF_VM_RUNNING;
}

/* Stops the VM unless it is stopped. vm->life is held. */
static int hf_life_stop(struct hf_vm *vm)
{
	int ret = 0;

	hf_vm_end(vm, HF_ABORT_STOPPED);
	/* Afterwards no vCPU runs, and none will. */
	hf_vm_pause(vm);
	hf_vm_resume(vm);
	if (hf_life_runs(vm))
		ret = hf_life_call(vm, HF_VM_STOP);
	/* A restart that it asked for, and that is to come, is called off. */
	if (!ret && (vm->ended == HF_ENDED_KILLED ||
		     vm->ended == HF_ABORT_SYSTEM_RESET))
		WRITE_ONCE(vm->ended, HF_ABORT_STOPPED);
	hf_console_service(vm);
	return ret;
}

/* The VM is as after boot, and so is what is known of it here. */
static void hf_life_begin(struct hf_vm *vm)
{
	mutex_lock(&vm->lock);
	hf_vm_discard(vm);
	WRITE_ONCE(vm->waiting, false);
	vm->started = jiffies;
	WRITE_ONCE(vm->ended, 0);
	mutex_unlock(&vm->lock);
	dev_info(&vm->dev, "started\n");
	hf_vm_wake(vm);
	wake_up_all(&vm->wait);
}

/* Starts a VM that is stopped. vm->life is held. */
static int hf_life_start(struct hf_vm *vm)
{
	int ret;

	WRITE_ONCE(vm->starting, true);
	hf_life_tell(vm);
	ret = hf_life_call(vm, HF_VM_START);
	if (!ret)
		hf_life_begin(vm);
	WRITE_ONCE(vm->starting, false);
	hf_life_tell(vm);
	return ret;
}

int hf_life_command(struct hf_vm *vm, enum hf_life command)
{
	int ret = 0;

	if (mutex_lock_interruptible(&vm->life))
		return -ERESTARTSYS;
	if (command == HF_LIFE_START && !READ_ONCE(vm->ended))
		ret = -EBUSY;
	if (!ret)
		ret = hf_life_stop(vm);
	if (!ret && command != HF_LIFE_STOP)
		ret = hf_life_start(vm);
	mutex_unlock(&vm->life);
	return ret;
}

static void hf_life_restart(struct work_struct *work)
{
	struct hf_vm *vm =
		container_of(to_delayed_work(work), struct hf_vm, restart);

	mutex_lock(&vm->life);
	if (READ_ONCE(vm->ended) == HF_ABORT_SYSTEM_RESET &&
	    (hf_life_stop(vm) || hf_life_start(vm)))
		dev_err(&vm->dev, "cannot be started again\n");
	mutex_unlock(&vm->life);
}

void hf_life_init(struct hf_vm *vm)
{
	mutex_init(&vm->life);
	INIT_DELAYED_WORK(&vm->restart, hf_life_restart);
	vm->started = jiffies - HF_RESTART_INTERVAL;
}
