// SPDX-License-Identifier: GPL-2.0-only

/**
 * The interface between a command and its host. It covers the bytes of arguments, failures in one
 * line, readable sizes, the terminal, Control-C, and host programs that a command runs.
 */
@NullMarked
package io.pollux.tools.console;

import org.jspecify.annotations.NullMarked;
