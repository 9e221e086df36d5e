// SPDX-License-Identifier: GPL-2.0-only

/**
 * The recordings of the reading companion's walks: the life of a request, step by step.
 *
 * <p>{@link io.pollux.it.life.Walks} runs each request on a real kernel with a disk that holds its
 * requests. {@link io.pollux.it.life.WalkRecorder} notes what the kernel has at each trace point.
 * {@link io.pollux.it.life.WalksTest} records again and compares with the files of the companion.
 */
@NullMarked
package io.pollux.it.life;

import org.jspecify.annotations.NullMarked;
