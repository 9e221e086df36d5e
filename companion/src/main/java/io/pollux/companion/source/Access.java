// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import org.jspecify.annotations.Nullable;

/**
 * A call of a method of VarHandle: an access with an order, or a fence.
 *
 * @param method the name of the method, such as {@code setRelease}
 * @param at the offset of the method's name
 * @param from the declaration around it, if any
 */
public record Access(String method, int at, @Nullable Decl from) {}
