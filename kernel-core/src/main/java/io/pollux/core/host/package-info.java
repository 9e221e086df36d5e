// SPDX-License-Identifier: GPL-2.0-only

/**
 * System calls of the host, an x86-64 Linux: memory, files, descriptors. All modules make them
 * here, because each further signature of a C function makes the virtual machine load a dozen
 * classes at its start.
 */
@NullMarked
package io.pollux.core.host;

import org.jspecify.annotations.NullMarked;
