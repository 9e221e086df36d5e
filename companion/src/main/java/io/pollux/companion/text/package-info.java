// SPDX-License-Identifier: GPL-2.0-only

/** Markdown with links to patches, C names, declarations and tests. */
@NullMarked
package io.pollux.companion.text;

import org.jspecify.annotations.NullMarked;
