// SPDX-License-Identifier: GPL-2.0-only

/** The sources as the compiler sees them: files, tokens, declarations and references. */
@NullMarked
package io.pollux.companion.source;

import org.jspecify.annotations.NullMarked;
