/* SPDX-License-Identifier: BSD-3-Clause */
#include "life.h"

#include "hf/abi.h"

int64_t spec_state(const struct spec *s, uint64_t vm)
{
	const struct spec_vm *v = (uint32_t)vm < s->vm_count
					  ? &s->vm[SPEC_SECONDARY((uint32_t)vm)]
					  : NULL;

	if (!v)
		return -1;
	if (!v->vcpu_count)
		return HF_VM_LEFT_OUT;
	return v->aborted ? HF_VM_STOPPED | v->aborted << HF_VM_REASON_SHIFT
			  : HF_VM_RUNNING;
}
