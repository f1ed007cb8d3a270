mod differential;
mod generator;
mod python;
mod speed;
