/** Small extents become large ones, in the background: what to merge, and how (P16, P19). */
@NullMarked
package io.spillway.merge;

import org.jspecify.annotations.NullMarked;
