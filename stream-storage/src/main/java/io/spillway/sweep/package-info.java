/** Objects nobody refers to: deleting them, and finding the forgotten ones (P21). */
@NullMarked
package io.spillway.sweep;

import org.jspecify.annotations.NullMarked;
