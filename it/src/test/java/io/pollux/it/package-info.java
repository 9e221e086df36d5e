// SPDX-License-Identifier: GPL-2.0-only

/** Tests of the whole kernel and of the command line, with the kit of {@code io.pollux.testkit}. */
@NullMarked
package io.pollux.it;

import org.jspecify.annotations.NullMarked;
