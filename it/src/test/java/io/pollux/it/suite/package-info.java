// SPDX-License-Identifier: GPL-2.0-only

/**
 * The suite of filesystems, run over each filesystem of this build and over the host's own. The
 * suite of disks, run over each disk of this build.
 */
@NullMarked
package io.pollux.it.suite;

import org.jspecify.annotations.NullMarked;
