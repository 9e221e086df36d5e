// SPDX-License-Identifier: GPL-2.0-only

/**
 * Writes in place on XFS images that this machine's Linux made, looked at afterwards by xfs_repair and by Linux.
 *
 * <ul>
 *   <li>{@link io.pollux.it.overwrite.OverwriteTest} writes in every way there is, from several threads, against a model.
 *   <li>{@link io.pollux.it.overwrite.CrashTest} takes the power away.
 *   <li>{@link io.pollux.it.overwrite.LinuxImage} is an image and what Linux does with it.
 * </ul>
 */
@NullMarked
package io.pollux.it.overwrite;

import org.jspecify.annotations.NullMarked;
