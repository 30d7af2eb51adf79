/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driver for the Holdfast hypervisor: what its parts share.
 *
 * Locks, in the order in which they are taken:
 *	vm->life     stopping and starting
 *	vm->gate     vCPUs run while it is held for reading
 *	vm->lock     the message, who owns the transaction, how the VM ended
 *	hf_send_lock the send page, which requests to all VMs go through
 *	console.lock what the console keeps
 * hf_session.write_lock is taken before any of them.
 */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/tty_port.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "hf/abi.h"

/* vm->ended: 0 while the VM runs, one of HF_ABORT_*, or this. */
#define HF_ENDED_KILLED 0x100

/* Codes of HF_VCPU_RUN that are counted: 0 to HF_VCPU_CODES - 1. */
#define HF_VCPU_CODES (HF_VCPU_CONSOLE + 1)

/* Bytes of output that are kept for a VM. */
#define HF_CONSOLE_RING 16384U
/* Reads of a console at a time: as many as the hypervisor keeps bytes for. */
#define HF_CONSOLE_READS 86

struct hf_vm;
struct hf_session;

/**
 * struct hf_message - a message from a secondary VM
 * @data: a page of its own; two messages are exchanged by exchanging pages
 * @size: bytes in the page
 * @offset: bytes that were read already
 */
struct hf_message {
	void *data;
	size_t size;
	size_t offset;
};

/**
 * struct hf_vcpu - a vCPU of a secondary VM and the thread that runs it
 * @vm: its VM
 * @index: its number in that VM
 * @task: the thread, with a reference of ours
 * @wait: where the thread sleeps
 * @wake: set by whoever has something for the vCPU, cleared before it is run
 * @held: @message waits here for room in the VM's; the vCPU does not run until
 *	  then. Changed under vm->lock
 * @message: what the vCPU sent last. The thread's own unless @held
 * @run_ns: time that was spent running it
 * @exits: how often it came back, by code
 */
struct hf_vcpu {
	struct hf_vm *vm;
	u32 index;
	struct task_struct *task;
	wait_queue_head_t wait;
	bool wake;
	bool held;
	struct hf_message message;
	u64 run_ns;
	u64 exits[HF_VCPU_CODES];
};

/**
 * struct hf_console - the console of a VM
 * @port: the tty; its FIFO is what the VM has not taken yet of its input
 * @registered: there is a device of it
 * @lock: guards what follows, the FIFO, and the order of the bytes
 * @ring: output that the tty has not taken yet
 * @head: number of bytes that came into the ring
 * @tail: number of bytes that left it
 * @open: somebody has the tty open
 * @throttled: its reader does not keep up
 * @full: there is output for which there is no room
 * @left: something is to be tried again soon
 */
struct hf_console {
	struct tty_port port;
	bool registered;

	/* Guards what follows. */
	spinlock_t lock;
	u8 *ring;
	u32 head;
	u32 tail;
	bool open;
	bool throttled;
	bool full;
	bool more; /* output was left where it is */
	bool left;
};

/**
 * struct hf_vm - a secondary VM and its character device
 * @dev: in class holdfast; its release frees this
 * @cdev: the character device
 * @index: the VM's number
 * @label: its name in the device tree
 * @wait: where openers wait for anything below to change
 * @gate: held for reading while a vCPU runs and its message is delivered
 * @pausing: how many want @gate for writing; vCPU threads are to leave it
 * @wanted: counts the times that a vCPU went to wait for a request
 * @console: its console
 * @life: held while it is stopped or started
 * @restart: starts it again after a reset of its own
 * @started: when it was started last, in jiffies
 * @starting: it is being started
 * @lock: guards what follows, up to @queue
 * @message: the last message of the VM, if @unread
 * @unread: there is a message
 * @waiting: a request was sent and no message has come since
 * @ended: 0, HF_ABORT_* or HF_ENDED_KILLED. Cleared by a start
 * @requests: number of requests that were sent
 * @owner: the opener that is served now, or NULL
 * @queue: openers that wait to be, hf_session.link
 * @vcpu_count: number of entries in @vcpus
 * @vcpus: the vCPUs
 */
struct hf_vm {
	struct device dev;
	struct cdev cdev;
	u32 index;
	char *label;
	wait_queue_head_t wait;
	struct rw_semaphore gate;
	atomic_t pausing;
	unsigned int wanted;
	struct hf_console console;

	/* Held while the VM is stopped or started. */
	struct mutex life;
	struct delayed_work restart;
	unsigned long started;
	bool starting;

	/* Guards what follows, up to the queue. */
	struct mutex lock;
	struct hf_message message;
	bool unread;
	bool waiting;
	unsigned int ended;
	u64 requests;
	struct hf_session *owner;
	struct list_head queue;

	u32 vcpu_count;
	struct hf_vcpu vcpus[];
};

static inline struct hf_vm *hf_vm_of(struct device *dev)
{
	return container_of(dev, struct hf_vm, dev);
}

/* main.c */

/**
 * hf_vm_get() - find a VM by its number
 * @index: the number, of whatever origin
 *
 * Return: the VM, or NULL if there is none or it has no vCPU.
 */
struct hf_vm *hf_vm_get(u32 index);

/* mailbox.c */

/**
 * hf_call() - make a hypercall
 * @fn: HF_*
 * @a1: first argument
 * @a2: second argument
 *
 * Return: the result; negative is an error.
 */
s64 hf_call(u32 fn, u64 a1, u64 a2);

/**
 * hf_call_regs() - make a hypercall with all its registers
 * @x: x0 to x3, before and after
 */
void hf_call_regs(u64 x[4]);

/**
 * hf_mailbox_init() - give the hypervisor this kernel's mailbox pages, or find
 *		       those that it got from an earlier load of this module
 * @node: the hypervisor's device tree node, which keeps their addresses
 *
 * Return: 0 or a negative errno.
 */
int hf_mailbox_init(struct device_node *node);

/**
 * hf_mailbox_send() - send a request
 * @vm: number of the VM
 * @data: the message
 * @size: its size, at most HF_MAILBOX_SIZE
 *
 * Return: as HF_RPC_REQUEST.
 */
s64 hf_mailbox_send(u32 vm, const void *data, size_t size);

/**
 * hf_mailbox_take() - copy the message in the receive page and acknowledge it
 * @message: where to; its page is there already
 * @size: size of the message as the hypervisor gave it
 *
 * For the vCPU thread that got HF_VCPU_RESPONSE_READY, before it does anything
 * else: until then no VM can reply.
 */
void hf_mailbox_take(struct hf_message *message, u64 size);

/**
 * hf_mailbox_reply() - in a secondary: answer the primary's request
 * @data: the message
 * @size: its size, at most HF_MAILBOX_SIZE
 *
 * Return: as HF_RPC_REPLY, which acknowledges the request as well.
 */
s64 hf_mailbox_reply(const void *data, size_t size);

/**
 * hf_mailbox_received() - in a secondary: the receive page
 *
 * Return: where a request lies that was read and not answered.
 */
const void *hf_mailbox_received(void);

/* vcpu.c */

/**
 * hf_vcpu_init() - set up a vCPU and its thread, which does not run yet
 * @vcpu: the vCPU, zeroed
 * @vm: its VM, which has its name
 * @index: its number there
 *
 * Return: 0 or a negative errno. hf_vcpu_stop() and hf_vcpu_free() undo it,
 * also if it failed.
 */
int hf_vcpu_init(struct hf_vcpu *vcpu, struct hf_vm *vm, u32 index);

/**
 * hf_vcpu_start() - let the thread of a vCPU run
 * @vcpu: the vCPU; all others of its VM are set up as well
 */
void hf_vcpu_start(struct hf_vcpu *vcpu);

/**
 * hf_vcpu_stop() - end the thread of a vCPU, if it has one; once
 * @vcpu: the vCPU. Other vCPUs may still wake it, without effect
 */
void hf_vcpu_stop(struct hf_vcpu *vcpu);

/**
 * hf_vcpu_free() - free what hf_vcpu_init() allocated
 * @vcpu: the vCPU; the threads of all vCPUs of all VMs have ended
 */
void hf_vcpu_free(struct hf_vcpu *vcpu);

/**
 * hf_vcpu_wake() - have a vCPU run soon, because something changed for it
 * @vcpu: the vCPU. If it sleeps it is woken, if it is running on another CPU
 *	  it comes back from there and is run again
 */
void hf_vcpu_wake(struct hf_vcpu *vcpu);

/**
 * hf_vm_wake() - have all vCPUs of a VM run soon
 * @vm: the VM
 */
void hf_vm_wake(struct hf_vm *vm);

/**
 * hf_vm_pause() - bring all vCPUs of a VM to a halt
 * @vm: the VM
 *
 * Afterwards none of them is running and what they have sent is delivered.
 * Holds vm->gate for writing.
 */
void hf_vm_pause(struct hf_vm *vm);

/**
 * hf_vm_resume() - let the vCPUs of a VM run again
 * @vm: the VM, after hf_vm_pause()
 */
void hf_vm_resume(struct hf_vm *vm);

/**
 * hf_vm_next_message() - the message of a VM was dealt with; show the next one
 * @vm: the VM, locked
 */
void hf_vm_next_message(struct hf_vm *vm);

/**
 * hf_vm_discard() - throw away all that a VM sent so far
 * @vm: the VM, locked and paused
 */
void hf_vm_discard(struct hf_vm *vm);

/* chardev.c */

extern const struct file_operations hf_fops;

/* sysfs.c */

extern const struct attribute_group *hf_groups[];

/* console.c */

/**
 * hf_console_register() - get ttys
 * @count: number of VMs
 *
 * Return: 0 or a negative errno.
 */
int hf_console_register(u32 count);

/**
 * hf_console_unregister() - give them back; none has a device
 */
void hf_console_unregister(void);

/**
 * hf_console_prepare() - make hf_console_free() possible
 * @vm: the VM, zeroed
 */
void hf_console_prepare(struct hf_vm *vm);

/**
 * hf_console_init() - allocate what a console needs
 * @vm: the VM, prepared
 *
 * Return: 0 or a negative errno.
 */
int hf_console_init(struct hf_vm *vm);

/**
 * hf_console_free() - free it
 * @vm: the VM, prepared. There is no tty of it any more
 */
void hf_console_free(struct hf_vm *vm);

/**
 * hf_console_add() - make the device of a VM's tty
 * @vm: the VM, whose own device is there
 *
 * Return: 0 or a negative errno.
 */
int hf_console_add(struct hf_vm *vm);

/**
 * hf_console_del() - remove it, if there is one
 * @vm: the VM. Who has the tty open is hung up, and keeps the VM's memory
 */
void hf_console_del(struct hf_vm *vm);

/**
 * hf_console_service() - move output and input as far as there is room
 * @vm: the VM
 *
 * Return: how long to wait before it is called again, KTIME_MAX: until there is
 * news.
 */
ktime_t hf_console_service(struct hf_vm *vm);

/* life.c */

enum hf_life { HF_LIFE_STOP, HF_LIFE_START, HF_LIFE_RESTART };

/**
 * hf_life_init() - set up what life.c keeps of a VM
 * @vm: the VM, zeroed. Cancel @vm->restart when its vCPUs have stopped
 */
void hf_life_init(struct hf_vm *vm);

/**
 * hf_life_command() - stop a VM, start one that is stopped, or both
 * @vm: the VM
 * @command: what to do
 *
 * Return: 0, -EBUSY if a VM to be started runs, -EINTR after a fatal signal,
 * -EIO if the hypervisor refuses.
 */
int hf_life_command(struct hf_vm *vm, enum hf_life command);

/**
 * hf_vm_end() - a VM is over: nothing of it runs, and all who wait learn it
 * @vm: the VM
 * @ended: why; nothing is done if it is over already
 */
void hf_vm_end(struct hf_vm *vm, unsigned int ended);

/**
 * hf_reason_text() - say how a VM ended
 * @ended: vm->ended
 *
 * Return: a few words.
 */
const char *hf_reason_text(unsigned int ended);

/**
 * hf_state_text() - say what state a VM is in
 * @vm: the VM
 *
 * Return: a word.
 */
const char *hf_state_text(struct hf_vm *vm);

/* log.c */

/**
 * hf_log_register() - make the device of the hypervisor's log
 * @parent: the hypervisor's device
 *
 * Return: 0 or a negative errno.
 */
int hf_log_register(struct device *parent);

/**
 * hf_log_unregister() - remove it
 */
void hf_log_unregister(void);

/* service.c */

extern struct platform_driver hf_service_driver;

#endif
