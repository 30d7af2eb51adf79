/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Standard calls: SMC Calling Convention (DEN0028) and, by psci.c, PSCI. The
 * primary may make them by HVC or SMC, a secondary by HVC.
 */
#include "arch_internal.h"
#include "hf/abi.h"
#include "vcpu.h"
#include "vm.h"

#define SMCCC_VERSION 0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001

#define SMCCC_VERSION_1_1 0x10001
#define SMCCC_VERSION_1_2 0x10002
#define PSCI_FEATURES 0x8400000a
#define NOT_SUPPORTED ((uint64_t)-1)

/* All that is passed on to the firmware; whether it knows it is its answer. */
static const struct {
	uint32_t fn;
	bool secondary; /* may a secondary make it, too */
} firmware_calls[] = {
	/* SMCCC_ARCH_SOC_ID */
	{0x80000002, false},
	/* SMCCC_ARCH_WORKAROUND_1, 3: this CPU forgets branches */
	{0x80008000, true},
	{0x80003fff, true},
	/* SMCCC_ARCH_WORKAROUND_2: the CPU's store bypass, not switched */
	{0x80007fff, false},
};

/* Asked as Linux does: a firmware before SMCCC 1.1 knows none of the calls. */
static bool firmware_has_smccc(void)
{
	static int8_t answer; /* 0: not asked yet; the same on each CPU */

	if (answer)
		return answer > 0;
	if (psci_firmware(PSCI_FEATURES, SMCCC_VERSION, 0, 0) < 0)
		answer = -1;
	else if (psci_firmware(SMCCC_VERSION, 0, 0, 0) < SMCCC_VERSION_1_1)
		answer = -1;
	else
		answer = 1;
	return answer > 0;
}

static bool goes_to_firmware(uint32_t fn, bool primary)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(firmware_calls); i++)
		if (firmware_calls[i].fn == fn)
			return (primary || firmware_calls[i].secondary) &&
			       firmware_has_smccc();
	return false;
}

/* Only the firmware of this CPU can tell, as CPUs differ. */
static uint64_t arch_features(uint32_t fn, bool primary)
{
	if (fn == SMCCC_VERSION || fn == SMCCC_ARCH_FEATURES)
		return 0;
	if (!goes_to_firmware(fn, primary))
		return NOT_SUPPORTED;
	return (uint64_t)psci_firmware(SMCCC_ARCH_FEATURES, fn, 0, 0);
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
		x[0] = goes_to_firmware(fn, primary)
			       ? (uint64_t)psci_firmware(fn, a1, 0, 0)
			       : NOT_SUPPORTED;
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
