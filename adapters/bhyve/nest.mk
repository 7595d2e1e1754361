# SPDX-License-Identifier: BSD-2-Clause
# Included by sys/modules/vmm/Makefile: nested VMX, from sys/amd64/vmm/nest.
NEST=	${SRCTOP}/sys/amd64/vmm/nest

.PATH: ${NEST}
SRCS+=	caps.c create.c events.c exit.c halt.c memory.c msr.c ops.c outside.c pages.c pins.c run.c snapshot.c trace.c vapic.c \
	vmcs02.c nestvmx.c
CFLAGS+= -I${NEST} -I${NEST}/include -DNESTVMX_PORT_HEADER='"bhyve_port.h"'
