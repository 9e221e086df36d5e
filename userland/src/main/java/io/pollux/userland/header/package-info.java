// SPDX-License-Identifier: GPL-2.0-only

/**
 * The C header of the ABI. {@link io.pollux.userland.header.CHeader} puts it together; {@link
 * io.pollux.userland.header.CStruct} writes a structure as its layout has it, {@link
 * io.pollux.userland.header.CConstants} the constants of a class by their names. Numbers come from the uapi
 * floor only; what is said here is what a layout can't say: which fields are signed, and what they are for.
 */
@NullMarked
package io.pollux.userland.header;

import org.jspecify.annotations.NullMarked;
