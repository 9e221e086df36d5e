// SPDX-License-Identifier: GPL-2.0-only

/**
 * The target of a command: an image in a file, a copy of it in memory, the sample, or a bare disk.
 * Each target has its own kernel.
 */
@NullMarked
package io.pollux.tools.image;

import org.jspecify.annotations.NullMarked;
