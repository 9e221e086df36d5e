// SPDX-License-Identifier: GPL-2.0-only

/**
 * The sample images: an XFS and a GFS2 filled by Linux. {@link io.pollux.sample.SampleImage}
 * unpacks one into a disk in memory, and {@link io.pollux.sample.SamplePattern} checks data read
 * from it. The scripts in {@code sample/src/sample} create the images.
 */
@NullMarked
package io.pollux.sample;

import org.jspecify.annotations.NullMarked;
