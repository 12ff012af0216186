@NullMarked
package io.spillway.sim;

import org.jspecify.annotations.NullMarked;
