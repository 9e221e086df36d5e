// SPDX-License-Identifier: GPL-2.0-only

/**
 * The command line: {@link io.pollux.tools.Pollux} and a class for each command. A command parses
 * its options, opens a {@link io.pollux.tools.image.Target}, and runs as a user program of its
 * kernel.
 */
@NullMarked
package io.pollux.tools;

import org.jspecify.annotations.NullMarked;
