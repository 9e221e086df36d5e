// SPDX-License-Identifier: GPL-2.0-only

/**
 * What a command runs against: an image in a file, a copy of it in memory, the sample that ships with pollux,
 * or a bare disk; each mounted in a kernel of its own.
 */
@NullMarked
package io.pollux.tools.image;

import org.jspecify.annotations.NullMarked;
