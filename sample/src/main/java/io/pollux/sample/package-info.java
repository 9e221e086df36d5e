// SPDX-License-Identifier: GPL-2.0-only

/**
 * The images that ship with pollux. {@link io.pollux.sample.SampleImage} unpacks one into a disk in memory, {@link
 * io.pollux.sample.SamplePattern} checks what is read from it. The scripts in {@code sample/src/sample} make the images.
 */
@NullMarked
package io.pollux.sample;

import org.jspecify.annotations.NullMarked;
