"""`finetune`: what a job makes of a pretrained model, by size and kind of text, and by batch."""
