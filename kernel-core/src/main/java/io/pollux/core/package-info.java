// SPDX-License-Identifier: GPL-2.0-only

/**
 * Exceptions with an errno, for errors outside the I/O path; reports of kernel failures ({@link
 * io.pollux.core.Oops}); the switch for debugging checks ({@link io.pollux.core.Debug}).
 */
@NullMarked
package io.pollux.core;

import org.jspecify.annotations.NullMarked;
