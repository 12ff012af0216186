/** Ranges of streams that are in objects, read and written again in the background (P16, P19). */
@NullMarked
package io.spillway.rewrite;

import org.jspecify.annotations.NullMarked;
