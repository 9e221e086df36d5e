// SPDX-License-Identifier: GPL-2.0-only

/**
 * Writes in place on XFS and GFS2 images that Linux made, looked at afterwards by xfs_repair,
 * fsck.gfs2 and by Linux.
 *
 * <ul>
 *   <li>{@link io.pollux.it.overwrite.OverwriteTest} writes in every way there is, from several
 *       threads, against a model.
 *   <li>{@link io.pollux.it.overwrite.CrashTest} takes the power away.
 *   <li>{@link io.pollux.it.overwrite.OwnPolledIoTest} waits for what it would have to poll for
 *       itself.
 *   <li>{@link io.pollux.it.overwrite.FioInPlaceTest} has fio write, as it comes.
 *   <li>{@link io.pollux.it.overwrite.LinuxImage} is an XFS image and what Linux does with it;
 *       {@link io.pollux.it.overwrite.Gfs2Image} is a GFS2 image, with a Linux in an emulator.
 * </ul>
 */
@NullMarked
package io.pollux.it.overwrite;

import org.jspecify.annotations.NullMarked;
