// SPDX-License-Identifier: GPL-2.0-only

/** The suite of filesystems, run over each filesystem of this build and over the host's own. */
@NullMarked
package io.pollux.it.suite;

import org.jspecify.annotations.NullMarked;
