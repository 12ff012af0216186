@NullMarked
package io.spillway.merge;

import org.jspecify.annotations.NullMarked;
