/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Standard calls: SMC Calling Convention (DEN0028) and, by psci.c, PSCI. The
 * primary may make them by HVC or SMC, a secondary by HVC.
 */
#include "arch_internal.h"
#include "hf/abi.h"
#include "vcpu.h"

#define SMCCC_VERSION 0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001

#define SMCCC_VERSION_1_2 0x10002
#define NOT_SUPPORTED ((uint64_t)-1)

static uint64_t arch_features(uint64_t fn)
{
	switch ((uint32_t)fn) {
	case SMCCC_VERSION:
	case SMCCC_ARCH_FEATURES:
		return 0;
	default:
		return (uint64_t)spectre_answer((uint32_t)fn);
	}
}

/* Calls that mean the same to every VM. x[0..3] are arguments and results. */
static void common_call(uint64_t *x)
{
	uint32_t fn = (uint32_t)x[0];
	uint64_t a1 = x[1];

	x[1] = x[2] = x[3] = 0;
	switch (fn) {
	case SMCCC_VERSION:
		x[0] = SMCCC_VERSION_1_2;
		break;
	case SMCCC_ARCH_FEATURES:
		x[0] = arch_features(a1);
		break;
	case HF_SMCCC_VENDOR_HYP_UID:
		x[0] = HF_UID_0;
		x[1] = HF_UID_1;
		x[2] = HF_UID_2;
		x[3] = HF_UID_3;
		break;
	case HF_SMCCC_VENDOR_HYP_REVISION:
		x[0] = HF_ABI_VERSION;
		break;
	default:
		/* What a workaround is for was done on the way here. */
		x[0] = spectre_answer(fn) >= 0 ? 0 : NOT_SUPPORTED;
	}
}

static void set_result(uint64_t *x, int64_t result)
{
	x[0] = (uint64_t)result;
	x[1] = x[2] = x[3] = 0;
}

void smccc_primary(struct vcpu *vcpu)
{
	uint64_t *x = vcpu->arch.x;
	int64_t result;

	if (psci_primary(vcpu, (uint32_t)x[0], &result))
		set_result(x, result);
	else
		common_call(x);
}

uint64_t smccc_secondary(struct vcpu *vcpu)
{
	uint64_t *x = vcpu->arch.x;
	uint64_t exit = 0;
	int64_t result;

	if (psci_secondary(vcpu, (uint32_t)x[0], &result, &exit))
		set_result(x, result);
	else
		common_call(x);
	return exit;
}
