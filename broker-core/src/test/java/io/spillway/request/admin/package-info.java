@NullMarked
package io.spillway.request.admin;

import org.jspecify.annotations.NullMarked;
