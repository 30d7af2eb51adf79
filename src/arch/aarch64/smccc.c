/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Standard calls: SMC Calling Convention (DEN0028) and, by psci.c, PSCI. The
 * primary may make them by HVC or SMC, a secondary by HVC.
 */
#include "api.h"
#include "arch_internal.h"
#include "hf/abi.h"
#include "vcpu.h"
#include "vm.h"

#define SMCCC_VERSION_1_2 0x10002
#define NOT_SUPPORTED ((uint64_t)-1)

/* What the primary may ask the firmware, and no secondary. */
#define SMCCC_ARCH_SOC_ID 0x80000002

static bool goes_to_firmware(uint32_t fn, bool primary)
{
	return fn == SMCCC_ARCH_SOC_ID && primary && firmware_has_smccc();
}

static uint64_t arch_features(uint32_t fn, bool primary)
{
	if (fn == SMCCC_VERSION || fn == SMCCC_ARCH_FEATURES)
		return 0;
	if (goes_to_firmware(fn, primary))
		return (uint64_t)psci_firmware(SMCCC_ARCH_FEATURES, fn, 0, 0);
	return (uint64_t)spectre_answer(fn);
}

/* Calls other than PSCI. x0-x3 are arguments and results. */
static void common_call(struct vcpu *vcpu)
{
	bool primary = vcpu->vm == &vm_primary;
	uint64_t *x = vcpu->arch.x;
	uint32_t fn = (uint32_t)x[0];
	uint32_t a1 = (uint32_t)x[1];

	x[1] = x[2] = x[3] = 0;
	switch (fn) {
	case SMCCC_VERSION:
		x[0] = SMCCC_VERSION_1_2;
		break;
	case SMCCC_ARCH_FEATURES:
		x[0] = arch_features(a1, primary);
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
		if (goes_to_firmware(fn, primary))
			x[0] = (uint64_t)psci_firmware(fn, a1, 0, 0);
		else /* what a workaround is for was done on the way here */
			x[0] = spectre_answer(fn) >= 0 ? 0 : NOT_SUPPORTED;
	}
}

struct api_result smccc_quick(uint64_t fn)
{
	switch ((uint32_t)fn) {
	case PSCI_FN_VERSION:
		return (struct api_result){PSCI_VERSION_1_1, true};
	case SMCCC_VERSION:
		return (struct api_result){SMCCC_VERSION_1_2, true};
	default:
		return (struct api_result){0, false};
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
		common_call(vcpu);
}

uint64_t smccc_secondary(struct vcpu *vcpu)
{
	uint64_t *x = vcpu->arch.x;
	uint64_t exit = 0;
	int64_t result;

	if (psci_secondary(vcpu, (uint32_t)x[0], &result, &exit))
		set_result(x, result);
	else
		common_call(vcpu);
	return exit;
}
