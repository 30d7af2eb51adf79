/* SPDX-License-Identifier: BSD-3-Clause */
/* src/spinlock.c: fair locks, and in debug builds their order. */
#include <pthread.h>

#include "unit.h"
#include "fake.h"
#include "spinlock.h"

#define THREADS 4
#define ROUNDS 20000

static struct spinlock lock, other;
static uint64_t counter;

TEST(free_again)
{
	fake_reset();
	spin_init(&lock, 1);
	for (unsigned int i = 0; i < 10; i++) {
		spin_lock(&lock);
		CHECK_EQ(lock.next - lock.serving, 1);
		spin_unlock(&lock);
		CHECK_EQ(lock.next, lock.serving);
	}
}

/* Tickets may wrap. */
TEST(wrap)
{
	fake_reset();
	spin_init(&lock, 1);
	lock.next = lock.serving = 0xfffffffe;
	for (unsigned int i = 0; i < 4; i++) {
		spin_lock(&lock);
		spin_unlock(&lock);
	}
	CHECK_EQ(lock.next, 2);
	CHECK_EQ(lock.serving, 2);
}

static void *add(void *index)
{
	fake_be_cpu((unsigned int)(uintptr_t)index);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		spin_lock(&lock);
		counter++;
		spin_unlock(&lock);
	}
	return NULL;
}

TEST(exclusion)
{
	pthread_t thread[THREADS];

	fake_reset();
	spin_init(&lock, 1);
	counter = 0;
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, add, (void *)i), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(counter, (uint64_t)THREADS * ROUNDS);
}

/* --- fairness: who drew a ticket first is first --- */

static unsigned int order[THREADS], arrived;

static void *take_turn(void *index)
{
	fake_be_cpu((unsigned int)(uintptr_t)index);
	spin_lock(&lock);
	order[arrived++] = (unsigned int)(uintptr_t)index;
	spin_unlock(&lock);
	return NULL;
}

TEST(first_come_first_served)
{
	pthread_t thread[THREADS];

	fake_reset();
	spin_init(&lock, 1);
	arrived = 0;
	spin_lock(&lock);
	for (uintptr_t i = 1; i < THREADS; i++) {
		CHECK_EQ(pthread_create(&thread[i], NULL, take_turn, (void *)i),
			 0);
		while (__atomic_load_n(&lock.next, __ATOMIC_RELAXED) != i + 1)
			;
	}
	spin_unlock(&lock);
	for (unsigned int i = 1; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 1; i < THREADS; i++)
		CHECK_EQ(order[i - 1], i);
}

/* --- the order; each test on a CPU of its own, whose list it spoils --- */

static void start_on(unsigned int cpu, uint32_t first, uint32_t second)
{
	fake_reset();
	fake_be_cpu(cpu);
	spin_init(&lock, first);
	spin_init(&other, second);
}

static void lock_first(void)
{
	spin_lock(&lock);
}

static void unlock_first(void)
{
	spin_unlock(&lock);
}

static void lock_other(void)
{
	spin_lock(&other);
}

TEST(order_kept)
{
	start_on(0, 0, LOCK_RANK_CONSOLE);
	spin_lock(&lock);
	spin_lock(&other);
	spin_unlock(&other);
	spin_unlock(&lock);
	spin_lock(&other);
	spin_unlock(&other);
}

TEST(order_broken)
{
	start_on(1, 2, 1);
	spin_lock(&lock);
	CHECK_EQ(fake_run(lock_other), FAKE_HALTED);
	CHECK(fake_printed("lock 1 taken with 2 held"));
}

TEST(taken_twice)
{
	start_on(2, 3, 3);
	spin_lock(&lock);
	CHECK_EQ(fake_run(lock_first), FAKE_HALTED);
	CHECK(fake_printed("lock 3 taken with 3 held"));
}

TEST(given_out_of_order)
{
	start_on(3, 1, 2);
	spin_lock(&lock);
	spin_lock(&other);
	CHECK_EQ(fake_run(unlock_first), FAKE_HALTED);
	CHECK(fake_printed("lock 1 given out of order"));
}

TEST(given_but_not_held)
{
	start_on(4, 1, 2);
	CHECK_EQ(fake_run(unlock_first), FAKE_HALTED);
	CHECK(fake_printed("given out of order"));
}

static struct spinlock many[5];

static void lock_fifth(void)
{
	spin_lock(&many[4]);
}

TEST(too_many)
{
	start_on(5, 1, 2);
	for (uint32_t i = 0; i < 5; i++)
		spin_init(&many[i], i);
	for (uint32_t i = 0; i < 4; i++)
		spin_lock(&many[i]);
	CHECK_EQ(fake_run(lock_fifth), FAKE_HALTED);
	CHECK(fake_printed("4 are held already"));
}
