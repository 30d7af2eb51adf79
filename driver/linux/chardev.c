// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device of a secondary VM: write() sends a request, read() gives
 * the reply.
 *
 * A request and its reply are a transaction, and a VM has one at a time. It
 * belongs to the opener who wrote, until the reply was read; other writers wait
 * in a queue. If that opener closes first, or could not read anyway, it belongs
 * to whoever comes next: a reader gets the reply, a writer gives it up. So a
 * shell can write in one command and read in another, a reply that nobody wants
 * is in nobody's way, and a VM that never replies can still be sent requests.
 */

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "holdfast.h"

/* Waits between attempts to send to a VM whose mailbox is not idle, in ms. */
#define HF_RETRY_MIN 1U
#define HF_RETRY_MAX 128U

/**
 * struct hf_session - an opener of a VM's device
 * @vm: the VM
 * @readable: opened for reading
 * @write_lock: held by the one thread that writes through this opener
 * @link: in vm->queue while it waits for its turn. Under vm->lock
 */
struct hf_session {
	struct hf_vm *vm;
	bool readable;
	/* Taken before any lock of the VM. */
	struct mutex write_lock;
	struct list_head link;
};

static int hf_open(struct inode *inode, struct file *file)
{
	struct hf_session *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return -ENOMEM;
	session->vm = container_of(inode->i_cdev, struct hf_vm, cdev);
	session->readable = file->f_mode & FMODE_READ;
	mutex_init(&session->write_lock);
	INIT_LIST_HEAD(&session->link);
	file->private_data = session;
	return stream_open(inode, file);
}

/* Gives the turn to the first opener in the queue. vm->lock is held. */
static void hf_yield_turn(struct hf_vm *vm)
{
	struct hf_session *next =
		list_first_entry_or_null(&vm->queue, struct hf_session, link);

	if (next)
		list_del_init(&next->link);
	WRITE_ONCE(vm->owner, next);
	wake_up_all(&vm->wait);
}

static int hf_release(struct inode *inode, struct file *file)
{
	struct hf_session *session = file->private_data;
	struct hf_vm *vm = session->vm;

	mutex_lock(&vm->lock);
	if (vm->owner == session)
		hf_yield_turn(vm);
	mutex_unlock(&vm->lock);
	kfree(session);
	return 0;
}

/* Takes the turn if it is free, or queues for it. vm->lock is held. */
static bool hf_try_turn(struct hf_session *session, bool queue)
{
	struct hf_vm *vm = session->vm;

	if (!vm->owner)
		WRITE_ONCE(vm->owner, session);
	if (vm->owner == session)
		return true;
	if (queue)
		list_add_tail(&session->link, &vm->queue);
	return false;
}

/* Waits until it is this opener's turn. 0, or a negative errno. */
static int hf_wait_turn(struct hf_session *session, bool nonblock)
{
	struct hf_vm *vm = session->vm;
	bool mine;
	int ret;

	if (mutex_lock_interruptible(&vm->lock))
		return -ERESTARTSYS;
	mine = hf_try_turn(session, !nonblock);
	mutex_unlock(&vm->lock);
	if (mine)
		return 0;
	if (nonblock)
		return -EAGAIN;

	ret = wait_event_interruptible(vm->wait,
				       READ_ONCE(vm->owner) == session ||
					       READ_ONCE(vm->ended));
	mutex_lock(&vm->lock);
	mine = vm->owner == session;
	list_del_init(&session->link);
	mutex_unlock(&vm->lock);
	if (mine)
		return 0;
	return ret ? ret : -EIO;
}

/* After a write: keeps the turn only for somebody who can read a reply. */
static void hf_end_write(struct hf_session *session)
{
	struct hf_vm *vm = session->vm;

	mutex_lock(&vm->lock);
	if (!session->readable || !(vm->waiting || vm->unread))
		hf_yield_turn(vm);
	mutex_unlock(&vm->lock);
}

static void hf_wake_for_request(struct hf_vm *vm, s64 woken)
{
	if (woken > 0 && woken <= vm->vcpu_count)
		hf_vcpu_wake(&vm->vcpus[woken - 1]);
	else
		/* Nobody was blocked in a read: it is told by an interrupt. */
		hf_vm_wake(vm);
}

/*
 * Tries to send a request. The vCPUs are halted for it: what the VM sent before
 * is then in our hands and can be told from the reply. 0, -EAGAIN if the VM
 * cannot take it now, or -EIO.
 */
static int hf_try_send(struct hf_vm *vm, const void *data, size_t size)
{
	s64 woken = -1;
	int ret = 0;

	hf_vm_pause(vm);
	mutex_lock(&vm->lock);
	hf_vm_discard(vm);
	if (vm->ended) {
		ret = -EIO;
	} else {
		woken = hf_mailbox_send(vm->index, data, size);
		ret = woken < 0 ? -EAGAIN : 0;
	}
	if (!ret) {
		WRITE_ONCE(vm->waiting, true);
		WRITE_ONCE(vm->requests, vm->requests + 1);
	}
	mutex_unlock(&vm->lock);
	hf_vm_resume(vm);
	if (!ret)
		hf_wake_for_request(vm, woken);
	return ret;
}

static bool hf_may_retry(struct hf_vm *vm, unsigned int wanted)
{
	return READ_ONCE(vm->wanted) != wanted || READ_ONCE(vm->ended);
}

/*
 * Sends a request as soon as the VM can take it. Nothing tells when it has
 * acknowledged the one before, or has set up its mailbox; but a vCPU that goes
 * to wait for a request has likely done so. Otherwise we ask now and then.
 */
static int hf_send(struct hf_vm *vm, const void *data, size_t size,
		   bool nonblock)
{
	unsigned int delay = HF_RETRY_MIN;
	unsigned int wanted;
	long ret;

	for (;;) {
		wanted = READ_ONCE(vm->wanted);
		ret = hf_try_send(vm, data, size);
		if (ret != -EAGAIN || nonblock)
			return ret;
		ret = wait_event_interruptible_timeout(vm->wait,
						       hf_may_retry(vm, wanted),
						       msecs_to_jiffies(delay));
		if (ret < 0)
			return ret;
		delay = min(2 * delay, HF_RETRY_MAX);
	}
}

static int hf_write_message(struct hf_session *session, const void *data,
			    size_t size, bool nonblock)
{
	int ret;

	if (nonblock) {
		if (!mutex_trylock(&session->write_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&session->write_lock)) {
		return -ERESTARTSYS;
	}
	ret = hf_wait_turn(session, nonblock);
	if (!ret) {
		ret = hf_send(session->vm, data, size, nonblock);
		hf_end_write(session);
	}
	mutex_unlock(&session->write_lock);
	return ret;
}

static ssize_t hf_write(struct file *file, const char __user *buf, size_t len,
			loff_t *ppos)
{
	void *data;
	int ret;

	if (len > HF_MAILBOX_SIZE)
		return -EMSGSIZE;
	data = memdup_user(buf, len);
	if (IS_ERR(data))
		return PTR_ERR(data);
	ret = hf_write_message(file->private_data, data, len,
			       file->f_flags & O_NONBLOCK);
	kfree(data);
	return ret ? ret : len;
}

/*
 * Looks for a message to this opener. 1: there is one; 0: none, and none is to
 * come; -EAGAIN: it is to come; -EIO: the VM is gone. vm->lock is held.
 */
static int hf_message_state(struct hf_session *session)
{
	struct hf_vm *vm = session->vm;

	if (vm->owner && vm->owner != session)
		return 0;
	if (vm->unread)
		return 1;
	if (vm->ended)
		return -EIO;
	return vm->waiting ? -EAGAIN : 0;
}

/* Copies the message or its next part, and ends the transaction after it. */
static ssize_t hf_read_message(struct hf_session *session, char __user *buf,
			       size_t len)
{
	struct hf_vm *vm = session->vm;
	struct hf_message *message = &vm->message;

	len = min(len, message->size - message->offset);
	if (copy_to_user(buf, message->data + message->offset, len))
		return -EFAULT;
	message->offset += len;
	if (message->offset < message->size)
		return len;
	hf_vm_next_message(vm);
	if (!vm->unread && vm->owner == session)
		hf_yield_turn(vm);
	return len;
}

static ssize_t hf_read(struct file *file, char __user *buf, size_t len,
		       loff_t *ppos)
{
	struct hf_session *session = file->private_data;
	struct hf_vm *vm = session->vm;
	ssize_t ret;

	if (!len)
		return 0;
	for (;;) {
		if (mutex_lock_interruptible(&vm->lock))
			return -ERESTARTSYS;
		ret = hf_message_state(session);
		if (ret > 0 || ret == -EAGAIN)
			WRITE_ONCE(vm->owner, session);
		if (ret > 0)
			ret = hf_read_message(session, buf, len);
		mutex_unlock(&vm->lock);
		if (ret != -EAGAIN || file->f_flags & O_NONBLOCK)
			return ret;

		if (wait_event_interruptible(vm->wait,
					     !READ_ONCE(vm->waiting) ||
						     READ_ONCE(vm->ended)))
			return -ERESTARTSYS;
	}
}

static __poll_t hf_poll(struct file *file, poll_table *wait)
{
	struct hf_session *session = file->private_data;
	struct hf_vm *vm = session->vm;
	__poll_t events = 0;

	poll_wait(file, &vm->wait, wait);
	mutex_lock(&vm->lock);
	if (vm->ended)
		events |= EPOLLERR | EPOLLHUP;
	else if (!vm->waiting && (!vm->owner || vm->owner == session))
		events |= EPOLLOUT | EPOLLWRNORM;
	if (hf_message_state(session) > 0)
		events |= EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&vm->lock);
	return events;
}

const struct file_operations hf_fops = {
	.owner = THIS_MODULE,
	.open = hf_open,
	.release = hf_release,
	.read = hf_read,
	.write = hf_write,
	.poll = hf_poll,
	.llseek = no_llseek,
};
