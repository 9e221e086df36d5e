// SPDX-License-Identifier: GPL-2.0-only

/**
 * The C header of the ABI. {@link io.pollux.userland.header.CHeader} generates it. {@link
 * io.pollux.userland.header.CStruct} generates a structure from its layout, {@link
 * io.pollux.userland.header.CConstants} constants from a class. All numbers come from uapi. This
 * package adds what a layout lacks: signs and descriptions of the fields.
 */
@NullMarked
package io.pollux.userland.header;

import org.jspecify.annotations.NullMarked;
