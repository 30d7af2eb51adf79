/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driver for the Holdfast hypervisor: what its parts share.
 *
 * Locks, in the order in which they are taken:
 *	vm->gate     vCPUs run while it is held for reading
 *	vm->lock     the message, who owns the transaction, how the VM ended
 *	hf_send_lock the send page, which requests to all VMs go through
 * hf_session.write_lock is taken before any of them.
 */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "hf/abi.h"

/* vm->ended: 0 while the VM runs, one of HF_ABORT_*, or this. */
#define HF_ENDED_KILLED 0x100

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
 */
struct hf_vcpu {
	struct hf_vm *vm;
	u32 index;
	struct task_struct *task;
	wait_queue_head_t wait;
	bool wake;
	bool held;
	struct hf_message message;
};

/**
 * struct hf_vm - a secondary VM and its character device
 * @dev: in class holdfast; its release frees this
 * @cdev: the character device
 * @index: the VM's number
 * @label: its name in the device tree
 * @wait: where openers wait for anything below to change
 * @gate: held for reading while a vCPU runs and its message is delivered
 * @pausing: tells vCPU threads that somebody wants @gate for writing
 * @wanted: counts the times that a vCPU went to wait for a request
 * @lock: guards what follows, up to @queue
 * @message: the last message of the VM, if @unread
 * @unread: there is a message
 * @waiting: a request was sent and no message has come since
 * @ended: 0, HF_ABORT_* or HF_ENDED_KILLED. Set once
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
	bool pausing;
	unsigned int wanted;

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

/* chardev.c */

extern const struct file_operations hf_fops;

/* sysfs.c */

extern const struct attribute_group *hf_groups[];

/**
 * hf_ended_text() - say how a VM ended
 * @ended: vm->ended
 *
 * Return: a few words.
 */
const char *hf_ended_text(unsigned int ended);

#endif
