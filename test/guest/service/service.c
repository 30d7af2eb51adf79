/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test VM: takes the steps that the test primary asks for (service.h). Its
 * bootargs choose another life: mode=configure tries bad mailbox addresses
 * before it serves, and replies before the primary can take it; mode=silent has
 * no mailbox and only waits; mode=mute makes the mailbox calls without one and
 * turns itself off if they fail as they should, resets itself if not.
 */
#include <stdbool.h>
#include "bad_configure.h"
#include "boot.h"
#include "dt.h"
#include "guest.h"
#include "service.h"
#include "smccc.h"
#include "smp.h"
#include "steps.h"
#include "string.h"
#include "sysreg.h"
#include "hf/call.h"

static _Alignas(HF_MAILBOX_SIZE) struct script_reply send;
static _Alignas(HF_MAILBOX_SIZE) struct script recv;

/* Copies: a step may change the mailbox, and other vCPUs have their own. */
static struct script scripts[CPUS];
static struct script_reply replies[CPUS];

static void serve_one(void)
{
	struct script *script = &scripts[cpu_index()];
	struct script_reply *reply = &replies[cpu_index()];
	uint64_t i;

	memcpy(script, &recv, sizeof(*script));
	memset(reply, 0, sizeof(*reply));
	reply->count = script->count;
	for (i = 0; i < script->count && i < STEPS_MAX; i++)
		step_take(&script->step[i], &reply->result[i], reply->data);
	memcpy(&send, reply, sizeof(send));
	while (hf_rpc_reply(sizeof(send), 1))
		wfi();
}

void service_run(void *unused)
{
	(void)unused;
	while (hf_rpc_read_request(1) >= 0)
		serve_one();
}

static void configure(bool try_bad)
{
	struct bad_pair accepted;

	if (try_bad &&
	    !bad_configure((uintptr_t)&send, (uintptr_t)&recv, &accepted))
		step_bad_configure(accepted.send, accepted.recv);
	if (hf_vm_configure((uintptr_t)&send, (uintptr_t)&recv))
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}

/* For a VM that is started before the primary has a mailbox. */
static void reply_to_nobody(void)
{
	if (hf_rpc_reply(0, 0) != -1 || hf_rpc_reply(8, 1) != -1)
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}

static void be_mute(void)
{
	if (hf_rpc_read_request(1) != -1 || hf_rpc_read_request(0) != -1 ||
	    hf_rpc_reply(0, 0) != -1 || hf_rpc_reply(0, 1) != -1 ||
	    hf_rpc_ack() != -1)
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
	psci_system_off();
}

void guest_main(void)
{
	char mode[16];

	dt_bootarg("mode", mode, sizeof(mode));
	if (!strcmp(mode, "mute"))
		be_mute();
	while (!strcmp(mode, "silent"))
		wfi();
	configure(!strcmp(mode, "configure"));
	if (!strcmp(mode, "configure"))
		reply_to_nobody();
	service_run(NULL);
}
