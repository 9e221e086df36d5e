// SPDX-License-Identifier: GPL-2.0-only

/**
 * System calls of the host, an x86-64 Linux: memory, files, descriptors. All modules make them
 * through this package, because the virtual machine loads a dozen classes at its start for each
 * further signature of a C function.
 */
@NullMarked
package io.pollux.core.host;

import org.jspecify.annotations.NullMarked;
