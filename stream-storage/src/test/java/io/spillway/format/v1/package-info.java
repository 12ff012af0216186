@NullMarked
package io.spillway.format.v1;

import org.jspecify.annotations.NullMarked;
