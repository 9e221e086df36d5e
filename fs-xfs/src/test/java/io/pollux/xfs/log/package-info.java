// SPDX-License-Identifier: GPL-2.0-only

/** Tests of the log and of its recovery. */
@NullMarked
package io.pollux.xfs.log;

import org.jspecify.annotations.NullMarked;
